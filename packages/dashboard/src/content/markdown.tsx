// Markdown of agents. Its reader comes in a script of its own, once there is something to read: until then, and should it not come, the text stands as it was written.
import { Component, lazy, type ReactNode, Suspense } from 'react'
import { AgentText } from './text.tsx'

const CommonMark = lazy(() => import('./commonmark.tsx'))

type Props = { text: string; loadImage?: ((url: string) => Promise<string>) | undefined }

export function Markdown(props: Props) {
  const asWritten = <AgentText text={props.text} />
  return (
    <Otherwise shown={asWritten}>
      <Suspense fallback={asWritten}>
        <CommonMark {...props} />
      </Suspense>
    </Otherwise>
  )
}

/** A script that does not arrive (a new version was put in place meanwhile) must not take the page with it. */
class Otherwise extends Component<{ shown: ReactNode; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }
  static getDerivedStateFromError() {
    return { failed: true }
  }
  override render() {
    return this.state.failed ? this.props.shown : this.props.children
  }
}
