// gradio opens its heartbeat once, and the server takes its end for the end of the visit. After a
// break of the network it is opened again, so that a scan stays as long as its page, and goes with it.

import { send } from "./answers.js";
import { choice } from "./state.js";

const PAUSE = 5000;

async function beat(address) {
  for (;;) {
    await new Promise((done) => setTimeout(done, PAUSE));
    try {
      const { body } = await fetch(address);
      send("halt", { wanted: choice.id }); // halts nothing, but says that this tab is still there
      await body.pipeTo(new WritableStream());
    } catch { /* not online yet */ }
  }
}

// A request is listed when it has ended.
const ended = new PerformanceObserver((requests) => {
  const heartbeat = requests.getEntries().find(({ name }) => name.includes("/heartbeat/"));
  if (!heartbeat) return;
  ended.disconnect();
  beat(heartbeat.name);
});
ended.observe({ type: "resource", buffered: true });
