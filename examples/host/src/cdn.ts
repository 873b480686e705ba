import { acmeApi, acmeCdn, type CdnApi } from "acme-cdn";
import type { Env } from "./env.ts";

/** The domain of the package, with this app's configuration. */
export const cdn = acmeCdn({
  zone: "https://www.example.com",
  api: (env: Env) => (env.ACME_TOKEN ? acmeApi({ endpoint: "https://api.acme-cdn.example/v2", token: env.ACME_TOKEN }) : pretendedCdn()),
  entryPages: ["/", "/articles"],
  purgeRate: { permits: 10, per: "1s" },
  nightly: { cron: "30 3 * * *", timezone: "Europe/Berlin" },
});

/** For a machine without an account at Acme. */
function pretendedCdn(): CdnApi {
  let left = 90;
  return {
    purge: async () => ({ ticket: `pretended-${90 - --left}` }),
    warm: async (url) => ({ status: 200, bytes: url.length }),
    quota: async () => ({ left, of: 1_000 }),
  };
}
