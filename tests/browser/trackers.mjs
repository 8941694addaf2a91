// The trackers that people run already, pointed at pageberg without change: each tells a page view and an event.
import { Stage, until } from './stage.mjs'

const TRACKERS = {
  plausible: '/api/event',
  'plausible-official': '/api/event',
  segment: '/v1/',
  snowplow: '/com.snowplowanalytics.snowplow/tp2',
}

// Snowplow sends several events at a time.
const told = (path) => stage.taken(path).flatMap(({ body }) => JSON.parse(body).data ?? [body]).length

const stage = await Stage.open()
for (const [name, path] of Object.entries(TRACKERS)) {
  stage.pages[`/${name}`] = await stage.bundled(name)
  const page = await stage.visitor()
  const before = told(path)
  await page.goto(`http://site.test/${name}?utm_source=news`, { referer: 'http://news.test/story' })
  await until(`told by ${name}: ${JSON.stringify(stage.requests)}`, () => told(path) >= before + 2)
  await page.context().close()
}
await stage.close()
