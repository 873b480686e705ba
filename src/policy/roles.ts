/** Each role includes the ones before it. */
export const ROLES = ["viewer", "producer", "worker", "operator", "admin"] as const;
/** `viewer` reads, `producer` submits, `worker` claims and settles, `operator` controls, `admin` may do everything. */
export type Role = (typeof ROLES)[number];

/** Whether `role` may do what needs `needed`. */
export const includesRole = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);
