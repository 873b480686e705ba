/** What wrangler.toml binds, and the secrets. */
export interface Env {
  ARTICLES: KVNamespace;
  EDITOR_TOKEN?: string;
  ACME_TOKEN?: string;
}
