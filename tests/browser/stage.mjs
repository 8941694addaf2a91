// A website and a collector for a real browser: site.test is served here, collector.test is the gateway behind a proxy that
// notes what passes and fails as told.
import { once } from 'node:events'
import http from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'

const [home, gateway] = process.argv.slice(2)
const required = createRequire(path.join(home, 'package.json'))
const PATIENCE_MS = 60_000

async function listen(handle) {
  const server = http.createServer(handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, address: `127.0.0.1:${server.address().port}` }
}

export class Stage {
  // The site's pages: HTML by path.
  pages = {}
  // What the collector was asked: { method, path, body, status }; without a status as long as it was not answered.
  requests = []
  // What the proxy does: pass requests on, answer `503`, be `down`, pass on but `lose` the answer, or never answer (`hang`).
  mode = 'pass'

  // `collect` answers what comes to the collector; without it the proxy does.
  static async open(collect) {
    const stage = new Stage()
    const site = await listen((request, response) => stage.#show(request, response))
    const collector = await listen(collect ?? ((request, response) => stage.#pass(request, response)))
    const browser = await required('playwright-core').chromium.launch({
      executablePath: path.join(home, 'chromium'),
      args: [
        `--host-resolver-rules=${[
          `MAP site.test ${site.address}`,
          `MAP collector.test ${collector.address}`,
          'MAP * ~NOTFOUND',
          'EXCLUDE 127.0.0.1',
        ].join()}`,
        // Some trackers say nothing to what tells that it is driven.
        '--disable-blink-features=AutomationControlled',
        '--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,LocalNetworkAccessChecks',
      ],
      // Pages must come back from the back/forward cache as they do for people.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
    return Object.assign(stage, { browser, collector: `http://${collector.address}`, servers: [site.server, collector.server] })
  }

  // Leaves nothing that keeps the process.
  async close() {
    await this.browser.close()
    for (const server of this.servers) {
      server.close()
      server.closeAllConnections()
    }
  }

  // A visitor of their own, whose browser says what people's do. `prepare` runs with `argument` before any page's scripts.
  async visitor(prepare, argument, options) {
    const [major] = this.browser.version().split('.')
    const context = await this.browser.newContext({
      locale: 'de-DE',
      userAgent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`,
      ...options,
    })
    if (prepare) await context.addInitScript(prepare, argument)
    return context.newPage()
  }

  // A page that runs one of pages/, with what it imports.
  async bundled(name, title = `Page of ${name}`) {
    const entry = new URL(`pages/${name}.js`, import.meta.url).pathname
    const options = { entryPoints: [entry], bundle: true, write: false, nodePaths: [path.join(home, 'node_modules')] }
    const built = await required('esbuild').build({ ...options, define: { 'process.env.NODE_ENV': '"production"' } })
    const script = built.outputFiles[0].text.replaceAll('</script', '<\\/script')
    return `<!doctype html><title>${title}</title><body><script>${script}</script>`
  }

  // Requests that brought events and were answered well.
  taken(path) {
    return this.requests.filter((request) => {
      return request.method == 'POST' && request.path.startsWith(path) && request.status >= 200 && request.status < 300
    })
  }

  #show(request, response) {
    const html = this.pages[new URL(request.url, 'http://site.test').pathname]
    response.writeHead(html ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' }).end(html)
  }

  async #pass(request, response) {
    const noted = { method: request.method, path: request.url, body: '' }
    this.requests.push(noted)
    for await (const part of request.setEncoding('utf8')) noted.body += part
    // Only events get lost: the script has been loaded.
    const mode = request.method == 'POST' ? this.mode : 'pass'
    if (mode == 'hang') return
    if (mode == 'down') return request.socket.destroy()
    if (mode == '503') return response.writeHead(503).end()
    const { method, headers } = request
    const [answer] = await once(http.request(gateway + request.url, { method, headers }).end(noted.body), 'response')
    if (mode == 'lose') return answer.resume().on('end', () => request.socket.destroy())
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response).on('finish', () => { noted.status = answer.statusCode })
  }
}

// Polls until it holds, and returns what it is then.
export async function until(what, holds) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const held = await holds()
    if (held) return held
    if (Date.now() > deadline) throw new Error(`not ${what} within ${PATIENCE_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
