import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A component whose code is loaded when it is first shown. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [, show] = useState(false);
    const [error, fail] = useState<Error>();
    useEffect(() => {
      if (loaded) return;
      load().then(
        (component) => {
          loaded = component;
          show(true);
        },
        (cause: unknown) => fail(cause instanceof Error ? cause : new Error(String(cause))),
      );
    }, []);
    if (loaded) {
      const Loaded = loaded;
      return <Loaded {...props} />;
    }
    // After a deploy the files of the old version are gone.
    if (error)
      return (
        <div class="trouble" role="alert">
          A part of this page could not be loaded; there may be a new version of it.{" "}
          <button type="button" onClick={() => location.reload()}>
            Reload
          </button>
        </div>
      );
    return <div class="waiting" />;
  };
}
