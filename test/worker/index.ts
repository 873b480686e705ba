import { createMill } from "millrace";
import { clock } from "./clock.ts";
import { other, work } from "./domains.ts";

const mill = createMill({ domains: [work, other], maxConcurrency: 8 }, clock);
export const { MillDomain, MillCoordinator, MillRunner } = mill;
export const workQ = mill.domain(work);
export const otherQ = mill.domain(other);
export { mill };
export default mill;
