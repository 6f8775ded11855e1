-- A draft of "allow this from now on" that nobody wants any more (relay.md R79): the version of the policies in which it stands never changes, so that it was set aside is a row.
create table countersign.standing_discards (
  -- Of the policy.
  id text collate "C" not null check (id like 'standing.%'),
  tenant_id uuid not null references countersign.tenants,
  relay_grant_id text collate "C" not null,
  discarded_by text collate "C" not null,
  discarded_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
select countersign.make_tenant_table('standing_discards', array['select', 'insert']);
