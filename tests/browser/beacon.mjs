// Our own beacon in a browser; prints what the browser showed of it.
import assert from 'node:assert/strict'
import { Stage, until } from './stage.mjs'

const stage = await Stage.open()
const SCRIPT = '<script defer src="http://collector.test/beacon.js" data-exclude="/secret*"></script>'
const STUB = '<script>window.pageberg = window.pageberg || function () { (pageberg.q = pageberg.q || []).push(arguments) }</script>'
const html = (title, body = '') => `<!doctype html><title>${title}</title>${body}`
Object.assign(stage.pages, {
  '/': html('Home', `${STUB}<script>pageberg('early', { n: 1 })</script>${SCRIPT}`),
  '/elsewhere': html('Elsewhere'),
  '/page': html('Page', SCRIPT),
  '/secret/door': html('Secret', SCRIPT),
})

const events = () => stage.taken('/v1/events').flatMap(({ body }) => JSON.parse(body))
const stored = (page) => page.evaluate(() => JSON.parse(localStorage.pageberg || '[]').length)

// Not the driver's: it waits for pages to load, which these do not.
const back = (page) => page.evaluate(() => { history.back() })

// One of the browser's sessions, from page to page.
async function navigation() {
  const page = await stage.visitor()
  await page.goto('http://site.test/?utm_source=news#top', { referer: 'http://news.test/story' })
  await until('view and early event', () => events().length == 2)
  await page.evaluate(() => {
    history.replaceState(null, '', '?filter=1')
    history.pushState(null, '', '/shop')
    setTimeout(() => { document.title = 'Shop' }, 10)
  })
  await until('navigation', () => events().length == 3)
  await page.evaluate(() => pageberg('signup', { plan: 'pro' }, { user_id: 'u1' }))
  await back(page)
  await until('event and way back', () => events().length == 5)
  await page.goto('http://site.test/elsewhere')
  await back(page)
  await until('page from the cache', () => events().length == 6)
  const cookies = await page.context().cookies()
  assert.deepEqual(cookies, [])
  assert.equal(await page.evaluate(() => document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)), '')
  await page.context().close()
}

// Visitors and pages of whom nothing is told.
async function silence() {
  const before = stage.requests.length
  for (const [path, prepare] of [
    ['/page', () => Object.defineProperty(navigator, 'doNotTrack', { value: '1' })],
    ['/page', () => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })],
    ['/secret/door', () => {}],
  ]) {
    const page = await stage.visitor(prepare)
    await page.goto(`http://site.test${path}`)
    assert.equal(await page.evaluate(() => pageberg('never')), undefined)
    await page.context().close()
  }
  assert.deepEqual(stage.requests.slice(before).filter(({ method }) => method != 'GET'), [])
}

// A page that is made ahead tells of itself once it is seen; that a browser is driven, the event says.
async function prerendering() {
  const page = await stage.visitor(() => {
    Object.defineProperty(document, 'prerendering', { value: true })
    Object.defineProperty(navigator, 'webdriver', { value: true })
  })
  const before = events().length
  await page.goto('http://site.test/page?made-ahead')
  assert.equal(await page.evaluate(() => pageberg('seen')), undefined)
  assert.equal(events().length, before)
  await page.evaluate(() => document.dispatchEvent(new Event('prerenderingchange')))
  await until('seen', () => events().length == before + 2)
  await page.context().close()
}

// A browser that cannot end a page before its requests.
async function fallback() {
  const page = await stage.visitor(() => { delete Request.prototype.keepalive })
  const before = events().length
  await page.goto('http://site.test/page?fallback')
  await until('sent by sendBeacon', () => events().length == before + 1)
  await page.context().close()
}

// A collector that fails in each of its ways, and then does not.
async function outage() {
  const page = await stage.visitor()
  let kept = 0
  for (const mode of ['503', 'down', 'lose']) {
    stage.mode = mode
    await page.goto(`http://site.test/page?${mode}`)
    kept += 1
    await until(`kept after ${mode}`, async () => await stored(page) == kept)
  }
  // What waits is taken along, and put back when the page ends before the answer.
  stage.mode = 'hang'
  await page.goto('http://site.test/page?hang')
  assert.equal(await stored(page), 0)
  await page.goto('http://site.test/elsewhere')
  assert.equal(await stored(page), kept + 1)
  stage.mode = 'pass'
  const before = events().length
  await page.goto('http://site.test/page?pass')
  await until('delivered', () => events().length == before + kept + 2)
  // Sent at once an event has the server's time, sent later its own.
  const last = JSON.parse(stage.taken('/v1/events').at(-1).body)
  assert.deepEqual(last.map(({ event_time }) => Boolean(event_time)), [true, true, true, true, false])
  await until('forgotten', async () => await stored(page) == 0)
  await page.context().close()
}

await navigation()
await silence()
await prerendering()
await fallback()
await outage()
assert.deepEqual(stage.requests.filter(({ method }) => method == 'OPTIONS'), [], 'a preflight')
await stage.close()
