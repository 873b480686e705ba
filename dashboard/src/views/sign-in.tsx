import { useSignal } from "@preact/signals";
import { token } from "../api/ask.ts";
import { messageOf } from "../api/problem.ts";
import { signIn } from "../session.ts";

/** Asks for a token; it is kept in this tab alone. */
export function SignIn({ why }: { why: string }) {
  const typed = useSignal("");
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    try {
      await signIn(typed.value.trim());
    } catch (error) {
      problem.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={(event) => void submit(event)}>
        <h1>
          <img src="./mark.svg" alt="" width="28" height="28" /> Millrace
        </h1>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          autofocus
          value={typed.value}
          aria-describedby="why"
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
        <p id="why" class="dim" role="alert">
          {problem.value ?? (token.value === null ? why : `The token of this tab is not accepted any more: ${why}`)}
        </p>
        <button class="primary" disabled={busy.value || typed.value.trim() === ""}>
          Sign in
        </button>
      </form>
    </main>
  );
}
