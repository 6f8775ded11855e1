-- Rates of callers who come at the same time are counted by one statement, whoever they are (P71): each call names its buckets in the order in which they are asked, each at its own cost,
-- and what stands behind a refusal is not counted. A bucket is empty at `tat`, a call moves it by `cost` units and may take it at most `burst` units ahead of now.
-- All rows are locked before the time is read, in one order: so of any number of processes each sees a bucket as the one before left it, at a time that is not older, and no two
-- wait for each other. `places` says which of the names a want is of, `calls` whose want it is; those of a call stand together. Answers each want that was let through, by its number
-- from 0. Times in milliseconds.
create function countersign.take_rates(names text[], units float8[], bursts float8[], idles float8[], calls integer[], places integer[], costs float8[])
returns table (nth integer, at float8, tat float8)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  ms constant interval := interval '1 millisecond';
  moment timestamptz;
  tats timestamptz[];
  moved boolean[] := array_fill(false, array[cardinality(names)]);
  refused integer;
  place integer;
  step interval;
begin
  loop
    select array_agg(held.tat order by n.nth) into tats
    from unnest(names) with ordinality as n (name, nth)
    join (select b.key, b.tat from countersign.buckets b where b.key = any (names) order by b.key for update) held on held.key = n.name;
    exit when cardinality(tats) = cardinality(names);
    insert into countersign.buckets as b (key, idle_at)
    select n.name, countersign.now() from unnest(names) as n (name) order by n.name collate "C" on conflict (key) do nothing;
  end loop;
  moment := countersign.now();
  for i in 1..cardinality(calls) loop
    continue when calls[i] = refused;
    place := places[i];
    step := units[place] * costs[i] * ms;
    if tats[place] + step > moment + units[place] * bursts[place] * ms then
      refused := calls[i];
      continue;
    end if;
    tats[place] := greatest(tats[place], moment) + step;
    moved[place] := true;
    nth := i - 1;
    at := extract(epoch from moment) * 1000;
    tat := extract(epoch from tats[place]) * 1000;
    return next;
  end loop;
  update countersign.buckets b set tat = n.tat, idle_at = moment + n.idle * ms
  from unnest(names, tats, idles, moved) as n (name, tat, idle, moved) where n.moved and b.key = n.name;
end
$$;
grant execute on function countersign.take_rates(text[], float8[], float8[], float8[], integer[], integer[], float8[]) to countersign_runtime;
