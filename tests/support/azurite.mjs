// azurite.mjs FOLDER CONTAINER: Azurite, Azure's own blob server for tests, from the packages in FOLDER; in memory, on a port of
// its own, until standard input ends. Prints its URL once the container is made.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { createInterface } from 'node:readline';

// Those of every Azurite.
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const [folder, container] = process.argv.slice(2);
const server = spawn(
  process.execPath,
  [
    `${folder}/node_modules/azurite/dist/src/blob/main.js`,
    ...['--blobHost', '127.0.0.1', '--blobPort', '0', '--inMemoryPersistence', '--disableTelemetry'],
    '--skipApiVersionCheck',
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const stop = () => server.kill();
process.stdin.on('end', stop).on('error', stop).resume();
server.on('exit', () => process.exit());

for await (const line of createInterface({ input: server.stdout })) {
  const url = line.match(/listens on (http:\S+)/)?.[1];
  if (url) {
    await create(url);
    console.log(`${url}/${ACCOUNT}`);
  }
}

async function create(url) {
  const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-12-02' };
  const named = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const resource = `/${ACCOUNT}/${ACCOUNT}/${container}\nrestype:container`;
  const signed = `PUT\n${'\n'.repeat(11)}${named.join('')}${resource}`;
  const signature = createHmac('sha256', Buffer.from(KEY, 'base64')).update(signed, 'utf8').digest('base64');
  headers.authorization = `SharedKey ${ACCOUNT}:${signature}`;
  const answer = await fetch(`${url}/${ACCOUNT}/${container}?restype=container`, { method: 'PUT', headers });
  if (!answer.ok) throw new Error(`the container was not made: ${await answer.text()}`);
}
