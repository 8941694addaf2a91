// The demo page on a gateway as it starts on a laptop; argv[4] is an address with a known place.
import assert from 'node:assert/strict'
import { Stage, until } from './stage.mjs'

const [, , , gateway, address] = process.argv
const stage = await Stage.open()
const page = await stage.visitor()
const texts = (selector) => page.locator(selector).allTextContents()

await page.goto(`${gateway}/demo`)
await until('arrived', async () => (await texts('.enriched')).length == 1)
assert.match(await page.locator('#snippet').textContent(), /<script defer src="http:\/\/127\.0\.0\.1:\d+\/beacon\.js"><\/script>/)
assert.match((await texts('.logged'))[0], /topic pageberg\.raw_events, partition 0, offset 0/)
assert.match((await texts('.enriched'))[0], /no place known for 127\.0\.0\.1/)

await page.fill('#ip', address)
await page.click('#signup')
await until('placed', async () => (await texts('.enriched')).length == 2)
await page.click('#view')
await until('viewed', async () => (await texts('.enriched')).length == 3)
console.log(JSON.stringify({ steps: await texts('.enriched'), failed: await texts('article .failed') }))
await stage.close()
