// An inbox in which nothing waits: to whoever may make agents, with a question to try it by that works as it stands.
import { Link } from 'wouter'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { sample } from '../sample.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Copyable } from '../ui/copy.tsx'

export function NothingWaits() {
  const me = useUser()
  return (
    <section className="card flex flex-col gap-4 p-6" aria-labelledby="nothing">
      <h2 id="nothing" className="text-lg font-semibold">
        {t('Nothing waits for you')}
      </h2>
      {Object.hasOwn(me.may, 'agent.create') ? (
        <>
          <p className="max-w-prose text-muted">
            {rich(
              'A question appears here the moment an agent asks it. To see one, save this as {code}, put the key of an <link>agent</link> in the environment, and run it.',
              {
                code: <code className="font-mono">ask.mjs</code>,
                link: (words) => (
                  <Link href={paths.agents()} className="text-accent underline">
                    {words}
                  </Link>
                ),
              },
            )}
          </p>
          <Copyable label={t('sample')} text={sample(location.origin)} block />
        </>
      ) : (
        <p className="text-muted">{t('A question appears here the moment an agent asks it.')}</p>
      )}
    </section>
  )
}
