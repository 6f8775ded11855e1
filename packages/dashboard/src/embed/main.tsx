// The page of an embed, on its own: no session, no router, no part of the dashboard around it. Its colours first, then its language, then its words.
import '../styles.css'
import { startLanguage } from '../text/start.ts'
import { readKnown, readToken, wear } from './known.ts'

const known = readKnown(document)
wear(known.theme, document)
await startLanguage()
const { showQuestion } = await import('./show.tsx')
showQuestion(document.getElementById('root') as HTMLElement, known, readToken(location.hash))
