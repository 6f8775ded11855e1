// The public key that releases sign their manifests of definitions with (V6). The private one is held by the release alone and stands in no repository.
/** Base64 of 32 bytes, as `scripts/sign-bundle.mjs --new-key` prints it; null until there is a release that holds its key: then digests alone are checked. */
const PUBLIC_KEY: string | null = null

export const RELEASE_KEY: Buffer | null = PUBLIC_KEY === null ? null : Buffer.from(PUBLIC_KEY, 'base64')
