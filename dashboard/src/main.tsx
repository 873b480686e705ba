import { render } from "preact";
import { App } from "./app.tsx";
import { listen } from "./events.ts";
import { listen as listenToKeys } from "./keyboard.ts";
import "./style.css";

const root = document.querySelector("#app");
if (root) render(<App />, root);
listenToKeys();
listen();
