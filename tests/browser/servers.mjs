// A page view by one of the trackers for servers: servers.mjs HOME COLLECTOR TRACKER SEED.
import { createRequire } from 'node:module'
import path from 'node:path'
import { repeat } from './repeat.mjs'

const [home, collector, tracker, seed] = process.argv.slice(2)

const SEND = {
  '@segment/analytics-node': async ({ Analytics }) => {
    const analytics = new Analytics({ writeKey: 'WK123', host: collector, path: '/v1/batch' })
    analytics.page({
      userId: 'u1',
      anonymousId: 'a1',
      category: 'Docs',
      name: 'Home',
      properties: { url: 'https://site.test/docs', referrer: 'https://g.test/' },
      context: { ip: '192.0.2.31', userAgent: 'UA/1' },
    })
    await analytics.closeAndFlush()
  },
  '@umami/node': async ({ Umami }) => {
    const umami = new Umami({ websiteId: '1111', hostUrl: collector })
    await umami.track({ url: '/docs', title: 'T', referrer: 'https://g.test/' })
  },
  'matomo-tracker': (Tracker) => {
    const matomo = new Tracker(1, `${collector}/matomo.php`)
    matomo.on('error', (error) => { throw new Error(error) })
    matomo.track({ url: 'https://site.test/docs', action_name: 'T', urlref: 'https://g.test/' })
  },
}

repeat(Number(seed))
await SEND[tracker](createRequire(path.join(home, 'package.json'))(tracker))
