/** The key of an upload: one name, no folders. */
export const UPLOAD_KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
