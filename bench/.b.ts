import { readFileSync, readdirSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { startBench } from '/tmp/wt/speed-accept/bench/server.ts'
import { connect, stage, TEXT, type Run } from '/tmp/wt/speed-accept/bench/relay/rig.ts'
const N = Number(process.env.N ?? 3000), CONN = Number(process.env.CONN ?? 48), KEYS = !!process.env.KEYS, TWO = !!process.env.TWO
const bench = await startBench({})
const admin = await connect(bench)
const run = { bench, admin, quick: true, echo: null, say() {} } as unknown as Run
const { slug, grants, cardId } = await stage(run, 200)
const agent = new Agent({ keepAlive: true, maxSockets: CONN })
const { hostname, port } = new URL(bench.url)
if (TWO) {
  // callers with an account: another tenant with one agent a grant
  const { rows: [a] } = await admin.query('select tenant_id, user_id from countersign.agents order by created_at limit 1')
  const t = crypto.randomUUID()
  await admin.query(`insert into countersign.tenants select (jsonb_populate_record(n, jsonb_build_object('id', $1::text, 'name', 'callers'))).* from countersign.tenants n where id = $2`, [t, a.tenant_id]).catch((e) => { console.error(e.message); process.exit(1) })
  const { rows: cols } = await admin.query(`select * from countersign.agents limit 1`)
  for (const [i, g] of grants.entries()) {
    const id = 'agt_' + String(i).padStart(26, '0')
    await admin.query(`insert into countersign.agents select (jsonb_populate_record(n, jsonb_build_object('id', $1::text, 'name', 'caller-' || $4::text, 'tenant_id', $2::text))).* from countersign.agents n where n.id = $3`, [id, t, cols[0].id, String(i)])
    await admin.query(`update countersign.relay_grants set asker_tenant = $1, asker_agent = $2 where id = $3`, [t, id, g.id])
  }
}
const post = (token: string, path: string, body: object) => new Promise<{ status: number; body: any }>((resolve, reject) => {
  const text = JSON.stringify(body)
  const sent = request({ hostname, port, method: 'POST', path: `/api/v1${path}`, agent, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...(KEYS ? { 'idempotency-key': crypto.randomUUID() } : {}) } }, (r) => {
    const c: Buffer[] = []; r.on('data', (x) => c.push(x)); r.on('end', () => resolve({ status: r.statusCode!, body: JSON.parse(Buffer.concat(c).toString() || '{}') })); r.on('error', reject) })
  sent.on('error', reject); sent.end(text)
})
const threads: { at: number; id: string }[] = []
let turn = 0
const act = async () => {
  const n = turn++
  const known = n % 2 === 0 ? undefined : threads[Math.floor(n / 2) % Math.max(1, threads.length)]
  const at = known?.at ?? n % 200
  const answer = await post(grants[at].token, known ? `/threads/${known.id}/messages` : `/agents/${slug}/threads`, { text: TEXT })
  if (answer.status !== 202) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
  if (!known) threads.push({ at, id: answer.body.thread_id })
}
const many = async (total: number) => {
  const until = turn + total, lat: number[] = []
  const b = performance.now()
  await Promise.all(Array.from({ length: CONN }, async () => { while (turn < until) { const s = performance.now(); await act(); lat.push(performance.now() - s) } }))
  return { ms: performance.now() - b, lat: lat.sort((x, y) => x - y) }
}
const used = (pid: number) => { try { const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' '); return { ppid: Number(f[1]), ms: (Number(f[11]) + Number(f[12])) * 10 } } catch { return null } }
const pgMs = () => { const pids = readdirSync('/proc').filter((p) => /^\d+$/.test(p)).map(Number); const of = new Map(pids.map((p) => [p, used(p)])); let sum = 0
  for (const [p, u] of of) { if (!u) continue; let q: number | undefined = p; while (q && q > 1) { const x: any = of.get(q); if (!x) break; if (x.ppid === bench.pid) { sum += u.ms; break } q = x.ppid } } return sum }
await many(Number(process.env.WARM ?? 600))
process.kill(bench.pid, 'SIGUSR2')
const [c0, p0, l0] = [bench.cpuMs(), pgMs(), process.cpuUsage()]
const { ms, lat } = await many(N)
const [c1, p1, l1] = [bench.cpuMs(), pgMs(), process.cpuUsage(l0)]
process.kill(bench.pid, 'SIGUSR2')
await new Promise((r) => setTimeout(r, 800))
const f = (x: number) => x.toFixed(3)
console.log(`${KEYS ? 'keys ' : ''}${TWO ? 'two-tenant ' : ''}n=${N} ${f((N / ms) * 1000)}/s p50 ${f(lat[N >> 1])} p99 ${f(lat[Math.floor(N * 0.99)])} | server ${f((c1 - c0) / N)} pg ${f((p1 - p0) / N)} load ${f((l1.user + l1.system) / 1000 / N)} ms/message | loadavg ${readFileSync('/proc/loadavg', 'utf8').split(' ')[0]}`)
await admin.end(); await bench.stop(); process.exit(0)
