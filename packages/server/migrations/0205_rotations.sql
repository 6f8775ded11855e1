-- A rotation is one exchange of a stored key for a new one at its provider (V50): a row in which each step is written before the next one begins, so that whoever was
-- killed in between is followed by another. `held` is the envelope of the key that is not in use: the new one until the switch, the old one until it is retired.
create table countersign.rotations (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  connection_id text collate "C" not null,
  state text not null check (state in ('creating', 'testing', 'overlapping', 'retiring', 'undoing', 'over')),
  state_since timestamptz(3) not null,
  material_generation bigint not null,
  held bytea,
  generation bigint not null default 0,
  -- When the key that is held ends, where that is known.
  key_ends timestamptz(3),
  retire_at timestamptz(3),
  claim text collate "C",
  claimed_until timestamptz(3),
  failures integer not null default 0,
  cause text collate "C" check (char_length(cause) <= 100),
  started_by text collate "C" not null,
  started_at timestamptz(3) not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, connection_id) references countersign.connections (tenant_id, id),
  check (state <> 'over' or held is null)
);
create unique index rotations_open on countersign.rotations (tenant_id, connection_id) where state <> 'over';
create index rotations_connection on countersign.rotations (tenant_id, connection_id, id);
select countersign.make_tenant_table('rotations', array['select', 'insert', 'update', 'delete']);
