export { acmeApi } from "./api.ts";
export type { AcmeApiConfig, CdnApi } from "./api.ts";
export { ACME_GROUP, acmeCdn } from "./domain.ts";
export type { AcmeCdnApp, AcmeCdnConfig, Analytics } from "./domain.ts";
