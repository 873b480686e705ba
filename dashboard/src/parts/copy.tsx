import { useSignal } from "@preact/signals";

const SHOWN_MS = 1_500;

/** Copies a text; on a page without https by way of a field, since browsers keep the clipboard from those. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const done = useSignal(false);
  const copy = async () => {
    await write(text);
    done.value = true;
    setTimeout(() => {
      done.value = false;
    }, SHOWN_MS);
  };
  return (
    <button type="button" class="plain copy" aria-label={label} title={label} onClick={() => void copy()}>
      {done.value ? "copied" : "copy"}
    </button>
  );
}

async function write(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
