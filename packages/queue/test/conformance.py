# A whole life of jobs through psycopg (Q143): `python3 conformance.py postgres://…` on a database with the engine. Prints one line, or ends with an error.
# Named arguments, jsonb both ways; nothing here knows a table of the engine.
import sys
import uuid

import psycopg
from psycopg.types.json import Jsonb

db = psycopg.connect(sys.argv[1], autocommit=True)


def call(function, /, **named):
    values = {key: Jsonb(value) if isinstance(value, (dict, list)) else value for key, value in named.items()}
    arguments = ", ".join(f"{key} => %({key})s" for key in values)
    return db.execute(f"select countersign_queue.{function}({arguments})", values).fetchone()[0]


def register(worker, queues, kinds):
    db.execute("select countersign_queue.register_worker(%s, %s::text[], %s::text[], 'here', 1, 'python', 60000)", (worker, queues, kinds))


def claim(queue, n=10):
    token = uuid.uuid4()
    said = call("claim", worker="python", token=token, wants=[{"queue": queue, "n": n, "kinds": ["greet", "order.ship"]}])
    assert said["lost"] is False
    return [dict(job, token=str(token)) for job in said["jobs"]]


def results(jobs, **result):
    return [dict(id=job["id"], lease=job["lease"], token=job["token"], **result) for job in jobs]


register("python", ["python-orders", "python-mail"], ["greet", "order.ship"])

# A row trigger enqueues: order and job are one transaction.
db.execute("create table python_orders (id integer primary key, job text)")
db.execute(
    """create function python_enqueue() returns trigger language plpgsql as $$
    begin
      new.job := countersign_queue.enqueue('python-orders', 'order.ship', jsonb_build_object('order_id', new.id));
      return new;
    end $$"""
)
db.execute("create trigger python_enqueue before insert on python_orders for each row execute function python_enqueue()")
with db.transaction():
    db.execute("insert into python_orders (id) values (1), (2)")
try:
    with db.transaction():
        db.execute("insert into python_orders (id) values (3)")
        raise ZeroDivisionError
except ZeroDivisionError:
    assert db.execute("select count(*) from python_orders").fetchone() == (2,)

shipping = claim("python-orders")
assert [job["payload"] for job in shipping] == [{"order_id": 1}, {"order_id": 2}]
assert call("start", job=shipping[0]["id"], lease=shipping[0]["lease"], token=shipping[0]["token"]) is True
assert call("finish", results=results(shipping, outcome="completed")) == ["settled", "settled"]
assert call("finish", results=results(shipping, outcome="completed")) == ["already", "already"]
assert call("finish", results=results(shipping, outcome="discard")) == ["stale", "stale"]
assert call("job_result", job=shipping[1]["id"])["state"] == "completed"

# An argument that is wrong says where; a key that is held answers its holder.
try:
    call("enqueue", queue="python-mail", kind="greet", payload={}, options={"priority": 5})
    raise SystemExit("priority 5 was accepted")
except psycopg.Error as error:
    assert error.sqlstate == "QJ005" and '"/priority"' in error.diag.message_detail
rule = {"by": ["to"]}
held = call("enqueue", queue="python-mail", kind="greet", payload={"to": "bo"}, options={"unique": rule, "delay_ms": 3600000})
assert held == call("enqueue", queue="python-mail", kind="greet", payload={"to": "bo"}, options={"unique": rule})
assert call("cancel_by_key", kind="greet", rule=rule, payload={"to": "bo"}, queue="python-mail")["state"] == "cancelled"

# Many at once; a failure that is tried again; an end in the caller's own transaction.
made = call("enqueue_many", jobs=[{"kind": "greet", "queue": "python-mail", "payload": {"n": n}} for n in range(3)])
first, second, third = claim("python-mail")
assert [first["id"], second["id"], third["id"]] == [one["id"] for one in made]
assert call("finish", results=results([first], outcome="failed", error="not today", after_ms=0)) == ["settled"]
assert call("progress", list=results([second], progress={"percent": 40})) == [second["id"]]
with db.transaction():
    db.execute("insert into python_orders (id) values (4)")
    call("finish_in_tx", result=results([second], outcome="completed", output={"sent": True})[0])
assert call("job_result", job=second["id"])["output"] == {"sent": True}
assert call("hand_back", worker="python", token=third["token"]) == 1
handed = claim("python-mail")
assert {job["id"]: job["attempt"] for job in handed} == {first["id"]: 2, third["id"]: 1}

# A job that waits for the outside.
waits = handed[0]
callback = call("callback_create", job=waits["id"], lease=waits["lease"], token=waits["token"], name="bank", timeout_ms=60000, then_do="finish")
assert call("finish", results=results([waits], outcome="park", callback_id=callback["id"])) == ["settled"]
assert call("job", job=waits["id"])["state"] == "waiting"
assert call("callback_resolve", callback=callback["id"], action="complete", body={"payload": "paid"})["verdict"] == "done"
assert call("job_result", job=waits["id"])["output"] == "paid"

# A dead letter, run again, cancelled; a pause; maintenance and readers.
assert call("finish", results=results(handed[1:], outcome="discard", error="no such address")) == ["settled"]
assert handed[1]["id"] in [letter["id"] for letter in call("list_dead_letters")]
assert call("retry_job", job=handed[1]["id"])["state"] == "ready"
call("pause_queue", queue="python-mail", actor="python")
assert claim("python-mail") == []
call("resume_queue", queue="python-mail")
assert call("cancel_job", job=handed[1]["id"], reason="enough")["state"] == "cancelled"
assert "prune" in call("tick")
assert len(call("list_jobs", filter={"queue": "python-mail"})["data"]) == 4
assert call("counts")["queues"]["python-orders"]["ready"] == 1
assert call("heartbeat", worker="python")["lost"] is False
call("release_worker", worker="python")
print("conformance: a whole life cycle")
