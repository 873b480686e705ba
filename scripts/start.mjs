// `npm start`: needs Node 20 and npm, nothing else. Installs when needed, then runs the example mill on this machine.
import { freePort, startDev } from "./dev.mjs";
import { installIfNeeded } from "./install.mjs";

const CRON_EVERY_MS = 60_000;
const port = Number(process.env.PORT ?? 8787);

if (!Number.isInteger(port) || port < 1 || port > 65_535)
  fail(`PORT must be a number from 1 to 65535; got ${JSON.stringify(process.env.PORT)}.`);
installIfNeeded();
if ((await freePort(port)) === undefined)
  fail(`Port ${port} is in use. Stop what listens there, or take another one: PORT=${port === 65_535 ? 8787 : port + 1} npm start`);

console.log("Starting the mill …");
const mill = await startDev({ port, onOutput: pass, onEnd: (code) => fail(`wrangler dev ended with code ${code}.`) }).catch((error) =>
  fail(error.message),
);
tick();
const timer = setInterval(tick, CRON_EVERY_MS);
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) process.once(signal, stop);
welcome();

/** `wrangler dev` fires no crons, and forgets alarms when it reloads: the sweeper that the cron starts wakes them again. */
function tick() {
  fetch(`${mill.url}/cdn-cgi/handler/scheduled?cron=*+*+*+*+*`, { signal: AbortSignal.timeout(CRON_EVERY_MS) })
    .then((response) => response.arrayBuffer())
    .catch(() => {
      // It reloads right now, or is being stopped; the next tick comes anyway.
    });
}

/** @param {string} text */
function pass(text) {
  process.stdout.write(text);
  if (/server updated and ready/i.test(text)) tick();
}

async function stop() {
  clearInterval(timer);
  console.log("\nStopping …");
  await mill.stop();
  process.exit(0);
}

function welcome() {
  const address = `http://localhost:${port}`;
  const task = JSON.stringify({ type: "deliver", payload: { url: `http://127.0.0.1:${port}/receiver`, body: { hello: "mill" } } });
  console.log(`
Millrace runs at ${address} (open to everybody on this machine; data in .wrangler/state).
Its dashboard: ${address}/

Submit a task and wait for its end:

  curl -s '${address}/v1/domains/http/tasks?wait=30s' -H 'content-type: application/json' -d '${task}'

Look next at
  ${address}/v1/domains      what is queued, running, done, and what it cost
  npm run demo                        a photo through three domains, in another terminal
  src/domains                         the example domains; change one and it is reloaded
  docs/webhooks.md                    the domain http, ready for your own mill

Ctrl-C stops it.
`);
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}
