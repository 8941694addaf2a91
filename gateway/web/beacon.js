// Tells pageberg of page views and of events that a page names. No cookies; stored is only what could not be sent.
//
//   <script defer src="https://collector.example/beacon.js"></script>
//
// Options, as attributes of that element:
//   data-site="NAME"            the site of the events, where the page's origin does not tell it
//   data-endpoint="URL"         where events are sent to: /v1/events of the script's own server
//   data-auto="false"           no page views but those that the page tells with pageberg()
//   data-hash                   what follows the # tells the page
//   data-exclude="/a,/b/*"      paths of which nothing is told
//   data-skip-local             nothing is told of files and of pages on this machine
//   data-respect-dnt="false"    Do Not Track counts for nothing; Global Privacy Control always counts
//
// pageberg('signup', { plan: 'pro' }, { user_id: '7' }) tells an event, its properties, and fields of its record; without a
// name it is a page view. Calls before the script has loaded need
//   <script>window.pageberg = window.pageberg || function () { (pageberg.q = pageberg.q || []).push(arguments) }</script>
// Each event that is sent is also dispatched to the document: addEventListener('pageberg', ({ detail }) => …).
//
// The server sends this without lines of comment and indentation, so none may stand inside of a text.
(() => {
  const { q: waiting = [], loaded } = window.pageberg || {}
  if (loaded) return
  const { dataset: options, src } = document.currentScript
  const endpoint = options.endpoint || new URL('/v1/events', src).href
  const hasHashRoutes = 'hash' in options

  // ---- what is not recorded

  const isRefused =
    navigator.globalPrivacyControl ||
    (navigator.doNotTrack == 1 && options.respectDnt != 'false') ||
    ('skipLocal' in options && /^(.*\.)?localhost$|^127\.|^\[::1\]$|^$/.test(location.hostname))

  const literal = (text) => text.replace(/\W/g, '\\$&')
  const toPattern = (path) => new RegExp('^' + path.trim().split('*').map(literal).join('.*') + '$')
  const excluded = (options.exclude || '').split(',').map(toPattern)

  // ---- the queue in the browser's storage: [the time until which it is worth sending, event]

  const KEY = 'pageberg'
  // With the longest encoding still less than what browsers let a page that ends send: 64 KiB.
  const MAX_CHARACTERS = 2e4
  const FAILED_MS = 864e5
  // What a page left behind unanswered most likely arrived: it is sent again only while it is sure to be known again.
  const UNANSWERED_MS = 3e5

  // Storage may be forbidden, full, or hold anything: then nothing is kept.
  const queue = (change) => {
    try {
      const stored = JSON.parse(localStorage[KEY] || '[]').filter(([until]) => until > Date.now())
      const kept = change(stored)
      while (JSON.stringify(kept).length > MAX_CHARACTERS) kept.shift()
      if (kept.length) localStorage[KEY] = JSON.stringify(kept)
      else delete localStorage[KEY]
    } catch {}
  }

  // ---- sending

  const unanswered = new Set()

  const settle = (entries, hasFailed) => {
    for (const entry of entries) {
      unanswered.delete(entry)
      entry[0] = entry[0] || Date.now() + FAILED_MS
      queue((kept) => kept.filter(([, event]) => event.event_id != entry[1].event_id).concat(hasFailed ? [entry] : []))
    }
  }

  // Text has no preflight. fetch tells whether the event was taken, sendBeacon only that it is on its way.
  const send = (entries) => {
    const body = JSON.stringify(entries.map(([, event]) => event))
    // Sent at once, the server's clock tells the time; sent later, the browser's.
    for (const [, event] of entries) event.event_time = event.event_time || new Date().toISOString()
    if (!('keepalive' in Request.prototype)) return settle(entries, !navigator.sendBeacon(endpoint, body))
    for (const entry of entries) unanswered.add(entry)
    fetch(endpoint, { method: 'POST', body, keepalive: true, credentials: 'omit' }).then(
      ({ status }) => settle(entries, status == 408 || status == 429 || status >= 500),
      () => settle(entries, true),
    )
  }

  // What waits goes along, taken out first: so no two pages send it at the same time.
  const sendAll = (event) => {
    const entries = [[0, event]]
    queue((kept) => {
      entries.unshift(...kept)
      return []
    })
    send(entries)
  }

  // ---- events

  // A UUID of version 7 (RFC 9562): an event that is sent again is known by it.
  const uuid = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16))
    for (let i = 6, time = Date.now(); i--; time /= 256) bytes[i] = time
    bytes[6] = (bytes[6] & 15) | 112
    bytes[8] = (bytes[8] & 63) | 128
    const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join('')
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }

  const address = () => (hasHashRoutes ? location.href : location.href.split('#')[0])
  let referrer = document.referrer

  // Without a name it is a page view. Returns the event's id, if there is one.
  const track = (name, props, fields) => {
    view()
    if (isRefused || excluded.some((path) => path.test(location.pathname))) return
    const event = {
      event_id: uuid(),
      event_name: name || undefined,
      url: address(),
      host: location.hostname,
      referrer: referrer || undefined,
      title: document.title,
      language: navigator.language,
      screen: screen.width + 'x' + screen.height,
      site: options.site,
      webdriver: navigator.webdriver || undefined,
      props,
      ...fields,
    }
    sendAll(event)
    document.dispatchEvent(new CustomEvent('pageberg', { detail: event }))
    return event.event_id
  }

  // ---- page views

  const withoutQuery = (address) => address.replace(/\?[^#]*/, '')
  let seen = address()
  let due
  let timer

  // The view that waits for its title.
  const view = () => {
    const fields = due
    clearTimeout(timer)
    due = 0
    if (fields) track('', undefined, fields)
  }

  // Frameworks replace the address for a filter, too: that is no other page.
  const navigated = (isReplaced) => {
    const from = seen
    seen = address()
    if (isReplaced ? withoutQuery(seen) == withoutQuery(from) : seen == from) return
    view()
    referrer = from
    due = { url: seen, referrer }
    // Most routers set the title after the address.
    timer = setTimeout(view, 100)
  }

  const observe = () => {
    for (const method of ['pushState', 'replaceState']) {
      const original = history[method]
      history[method] = function (...state) {
        original.apply(this, state)
        navigated(method == 'replaceState')
      }
    }
    addEventListener('popstate', () => navigated())
    addEventListener('pageshow', (event) => event.persisted && track())
    track()
  }

  addEventListener('pagehide', () => {
    view()
    const until = Date.now() + UNANSWERED_MS
    if (unanswered.size) queue((kept) => kept.concat(Array.from(unanswered, (entry) => [entry[0] || until, entry[1]])))
    unanswered.clear()
  })

  let hasStarted
  const pageberg = (...event) => {
    if (hasStarted) return track(...event)
    waiting.push(event)
  }
  pageberg.loaded = true
  window.pageberg = pageberg
  const start = () => {
    hasStarted = true
    if (options.auto != 'false') observe()
    for (const event of waiting) track(...event)
  }
  // A page that is made ahead may never be seen.
  if (document.prerendering) document.addEventListener('prerenderingchange', start, { once: true })
  else start()
})()
