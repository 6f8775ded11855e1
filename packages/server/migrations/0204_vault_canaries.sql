-- What the doctor seals, reads back, opens and deletes again (vault.md §7.2): random bytes that open nothing, in a table of their own, for one transaction.
create table countersign.vault_canaries (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  material bytea not null,
  made_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
select countersign.make_tenant_table('vault_canaries', array['select', 'insert', 'update', 'delete']);
