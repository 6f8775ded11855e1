// Every table of the database, once (P1). A table that is not here fails the build and the boot; what a list cannot say stands in the migration.
export type Table = {
  /** tenant: rows of one tenant, under its policy (P2). installation: of the whole installation. queue: reached through functions only. */
  kind: 'tenant' | 'installation' | 'queue'
  /** The column that holds the tenant; `id` for tenants itself. */
  tenantColumn?: string
  /** Indexes that are not led by the tenant, each with its reason (P2, P6). */
  indexes?: Record<string, string>
  /** Not in every database: only where time can be moved by a test. */
  optional?: true
}

const ID = 'ids are random and unique in the installation (P6); cross-tenant lookups by id happen in engine functions only'

/** Keyed by `schema.table`; the schema `countersign` is not written. */
export const TABLES: Record<string, Table> = {
  // spine
  migrations: { kind: 'installation' },
  test_clock: { kind: 'installation', optional: true },
  tenants: { kind: 'tenant', tenantColumn: 'id' },
}

/** The reason of a primary key over `id` alone. */
export const RANDOM_ID = ID
