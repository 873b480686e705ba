import { createMill } from "millrace";
import { media } from "./media";

const mill = createMill({ domains: [media] });
export type App = typeof mill;
export const { MillDomain, MillCoordinator, MillRunner } = mill;
export default mill;
