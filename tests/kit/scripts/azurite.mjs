// azurite.mjs FOLDER: Azurite, Azure's own blob server for tests, from the packages in FOLDER; in memory, on a port of
// its own, until standard input ends. Prints its URL once it answers.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

// That of every Azurite.
const ACCOUNT = 'devstoreaccount1';

const server = spawn(
  process.execPath,
  [
    `${process.argv[2]}/node_modules/azurite/dist/src/blob/main.js`,
    ...['--blobHost', '127.0.0.1', '--blobPort', '0', '--inMemoryPersistence', '--disableTelemetry'],
    '--skipApiVersionCheck',
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const stop = () => server.kill();
process.stdin.on('end', stop).on('error', stop).resume();
process.on('SIGTERM', stop);
server.on('exit', () => process.exit());

for await (const line of createInterface({ input: server.stdout })) {
  const url = line.match(/listens on (http:\S+)/)?.[1];
  if (url) console.log(`${url}/${ACCOUNT}`);
}
