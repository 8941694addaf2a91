// Runs the real trackers against a collector of its own and prints the requests that they send, as the gateway's tests
// read them: a line names the tracker, the lines after it are its requests.
//
//     node tests/browser/capture.mjs "$(dev/browser.sh)" >gateway/tests/protocols/captures.jsonl
//     node tests/browser/capture.mjs "$(dev/browser.sh)" --check gateway/tests/protocols/captures.jsonl
//
// The clock and all random numbers are replaced, so that a change of the file is a change of a tracker. With --check it
// prints no requests. It compares them with FILE: the trackers and their versions, methods, paths, headers, and the names
// of all fields. It exits with 1 when they differ.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { repeat } from './repeat.mjs'
import { Stage, until } from './stage.mjs'

const [home, flag, file] = process.argv.slice(2)
const HEADERS = [
  'content-type',
  'authorization',
  'origin',
  'referer',
  'access-control-request-headers',
  'access-control-request-method',
  'user-agent',
]
// Pages have a port in their origin. The stage serves them whatever it is.
const SITE = 'http://site.test:9000'
const VISITOR = { locale: 'en-US', timezoneId: 'UTC', viewport: { width: 800, height: 600 } }

// The trackers that run in a page of pages/captured, and how many requests each sends.
const IN_CHROMIUM = [
  { page: 'plausible', tracker: 'plausible-tracker', requests: 1 },
  { page: 'plausible-official', tracker: '@plausible-analytics/tracker', requests: 2, hide: true },
  { page: 'snowplow', tracker: '@snowplow/browser-tracker', requests: 2 },
  { page: 'segment', tracker: '@segment/analytics-next', requests: 2 },
  { page: 'segment-batch', tracker: '@segment/analytics-next', requests: 2, detail: ', batched' },
  { page: 'umami', mark: "written after the source of umami's script.js 3, in Chromium", requests: 2 },
]

const IN_NODE = [
  { tracker: '@segment/analytics-node', requests: 1 },
  { tracker: '@umami/node', requests: 1 },
  { tracker: 'matomo-tracker', requests: 1 },
]

const captured = []

// Answers as the tracker's own collector does.
async function collect(request, response) {
  const { method, url, headers } = request
  let body = ''
  for await (const part of request.setEncoding('utf8')) body += part
  const kept = HEADERS.filter((name) => headers[name]).map((name) => [name, headers[name]])
  captured.push({ m: method, u: url, h: Object.fromEntries(kept), rawlen: Buffer.byteLength(body), body })
  response.writeHead(method == 'OPTIONS' ? 204 : url == '/api/event' ? 202 : 200, {
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '',
    'access-control-allow-methods': 'POST',
    'access-control-allow-origin': headers.origin ?? '*',
  })
  response.end(method == 'OPTIONS' ? '' : url.startsWith('/api/event') || url.includes('snowplow') ? 'ok' : '{"success":true}')
}

function versioned(tracker) {
  const manifest = path.join(home, 'node_modules', tracker, 'package.json')
  return `${tracker} ${JSON.parse(readFileSync(manifest, 'utf8')).version}`
}

// A page view, and what is sent when the page goes into the background after five seconds.
async function inChromium(stage, { page: name, hide, requests }, seed) {
  stage.pages[`/${name}/docs`] = await stage.bundled(`captured/${name}`, 'Hello')
  const page = await stage.visitor(repeat, seed, VISITOR)
  await page.goto(`${SITE}/${name}/docs?utm_source=news&utm_medium=email#h`, { referer: 'http://news.example/' })
  if (hide) {
    await until(`a page view of ${name}`, () => captured.length > 0)
    await page.evaluate(() => {
      passTime(5000)
      Object.defineProperty(document, 'visibilityState', { value: 'hidden' })
      document.dispatchEvent(new Event('visibilitychange'))
    })
  }
  await until(`${requests} requests of ${name}`, () => captured.length >= requests)
  await page.context().close()
}

async function inNode(stage, { tracker }, seed) {
  const script = new URL('servers.mjs', import.meta.url).pathname
  await promisify(execFile)(process.execPath, [script, home, stage.collector, tracker, seed])
}

// The requests of all trackers, each after the line that names it.
async function capture() {
  const stage = await Stage.open(collect)
  const lines = []
  let seed = 0
  for (const tracker of [...IN_CHROMIUM, ...IN_NODE]) {
    seed += 1
    const where = tracker.page ? ' in Chromium' : ' in node'
    const mark = tracker.mark ?? versioned(tracker.tracker) + where + (tracker.detail ?? '')
    await (tracker.page ? inChromium : inNode)(stage, tracker, seed)
    const sent = captured.splice(0)
    assert.equal(sent.length, tracker.requests, `${mark} sent ${JSON.stringify(sent)}`)
    lines.push({ mark }, ...sent)
  }
  await stage.close()
  return lines
}

// The paths of all fields in a value of JSON; those of an array's elements together.
function fields(value, at = '') {
  if (Array.isArray(value)) return value.flatMap((element) => fields(element, `${at}[]`))
  if (value === null || typeof value != 'object') return [at]
  return Object.entries(value).flatMap(([name, inner]) => fields(inner, `${at}.${name}`))
}

const sorted = (names) => [...new Set(names)].sort()

// What must not change unnoticed: all but ids, times, sizes and the version of the browser.
function shape({ mark, m, u, h, body }) {
  if (mark) return mark
  const { pathname, searchParams } = new URL(u, SITE)
  const names = body && sorted(fields(JSON.parse(body)))
  return { method: m, path: pathname, query: sorted(searchParams.keys()), headers: { ...h, 'user-agent': 'user-agent' in h }, names }
}

if (flag && (flag != '--check' || !file)) throw new Error('usage: capture.mjs HOME [--check FILE]')
const lines = await capture()
if (flag) {
  const before = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(lines.map(shape), before.map(shape), `the trackers send other requests than ${file} holds`)
  console.log(`${lines.filter(({ m }) => m).length} requests are as in ${file}`)
} else {
  for (const line of lines) console.log(JSON.stringify(line))
}
