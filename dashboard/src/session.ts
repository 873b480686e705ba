import { signal } from "@preact/signals";
import { includesRole, type Role } from "../../src/policy/roles.ts";
import type { Me } from "./api/answers.ts";
import { ask, keepToken } from "./api/ask.ts";

/** Whose token this is; null before the mill has said so. */
export const me = signal<Me | null>(null);

/** Whether this token may do what needs `role`: buttons that it may not use are not shown. */
export const may = (role: Role): boolean => me.value !== null && includesRole(me.value.role, role);

/** Whether it covers every domain, as what concerns the whole mill needs. */
export const mayAll = (role: Role): boolean => may(role) && me.value?.domains === null;

/** Asks who this is; where that is refused, the page asks for a token (`refused`). */
export async function identify(): Promise<Me> {
  const answer = await ask<Me>("v1/me");
  me.value = answer;
  return answer;
}

/** Tries a token and keeps it when it is good. */
export async function signIn(token: string): Promise<void> {
  keepToken(token);
  try {
    await identify();
  } catch (error) {
    keepToken(null);
    throw error;
  }
}

export function signOut(): void {
  keepToken(null);
  me.value = null;
  location.reload();
}
