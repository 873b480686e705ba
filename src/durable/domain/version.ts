/** The deployed version, where `[version_metadata]` is bound under its usual name. */
export function versionOf(env: unknown): string {
  const metadata = (env as { CF_VERSION_METADATA?: { id?: unknown } } | null)?.CF_VERSION_METADATA;
  return typeof metadata?.id === "string" ? metadata.id : "";
}
