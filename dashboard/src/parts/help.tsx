import { helpShown, SHORTCUTS } from "../keyboard.ts";
import { Dialog } from "./dialog.tsx";

/** The list of keys. */
export function Help() {
  const close = () => {
    helpShown.value = false;
  };
  return (
    <Dialog title="Keys" onClose={close}>
      <dl class="keys">
        {SHORTCUTS.map(({ keys, does }) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <div class="row is-end">
        <a class="grow" href="./docs">
          The API, which this page is made of
        </a>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
