-- What callers are told (relay.md §4.3, §4.4, R70): which threads tell anybody, and which deliveries are whose to see where the thread lies with another tenant.

-- Whoever changes a thread has its row, and so knows without another statement that nobody wants to hear of it.
alter table countersign.threads add column has_endpoints boolean not null default false;

-- Whose it is: the tenant of the caller that the endpoint belongs to. Null on a tenant's own, and where the caller has no account here.
alter table countersign.deliveries add column caller_tenant uuid;
create index deliveries_caller on countersign.deliveries (caller_tenant, ord) where caller_tenant is not null;
-- What is told of a relay grant goes to the endpoints of its threads.
create index endpoints_of_grant on countersign.endpoints (tenant_id, relay_grant_id) where relay_grant_id is not null and state <> 'deleted';
