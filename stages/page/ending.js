// The button that ends the run, which is asked for twice.

import { byId } from "./element.js";
import { notify } from "./notices.js";
import { post } from "./server.js";

export function ending() {
  byId("end").addEventListener("click", () => byId("ending").showModal());
  byId("ending").addEventListener("close", ({ target }) => {
    if (target.returnValue !== "end") return;
    target.returnValue = "";
    post("/api/act", { action: "run.stop" }).catch((error) => notify(error.message, true));
  });
}
