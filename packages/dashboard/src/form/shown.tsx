// Parts of a form that show something and ask for nothing. What comes from elsewhere comes after a click or not at all (T86).
import type { Field } from '@countersign/sdk/form'
import { Markdown } from '../content/markdown.tsx'
import { HtmlFrame, RemoteImage, RemoteLink } from '../content/remote.tsx'
import { AgentText } from '../content/text.tsx'
import { t } from '../text/t.ts'
import { useForm } from './context.ts'

export function Shown({ field }: { field: Field }) {
  const { loadImage } = useForm()
  switch (field.kind) {
    case 'display_text':
      return field.markdown ? <Markdown text={field.text} loadImage={loadImage} /> : <AgentText text={field.text} />
    case 'image':
      return (
        <RemoteImage url={field.url} alt={field.alt ?? field.label} width={field.width} height={field.height} load={loadImage} />
      )
    case 'video':
      return <RemoteLink url={field.url} what={t('video')} label={field.label} />
    case 'pdf_viewer':
      return <RemoteLink url={field.url} what={t('PDF')} label={field.label} />
    case 'html':
      return <HtmlFrame html={field.html} title={field.label} />
    case 'section':
      return (
        <div className="pt-2">
          <h3 className="text-base font-semibold">
            <AgentText text={field.title} />
          </h3>
          {field.subtitle && (
            <p className="text-sm text-muted">
              <AgentText text={field.subtitle} />
            </p>
          )}
        </div>
      )
    case 'divider':
      return <hr className="border-line" />
    default:
      return null
  }
}

/** Files are not there yet: an optional field for one says so. */
export const NoFile = ({ field }: { field: Field }) => (
  <div className="flex flex-col gap-1">
    <span className="font-medium">
      <AgentText text={field.label} />
      <span className="text-sm font-normal text-muted"> {t('(optional)')}</span>
    </span>
    <p className="text-sm text-muted">{t('Files are not available in this version; leave this open.')}</p>
  </div>
)
