// The language first, then the pages: words of tables are read when their file is.
import './styles.css'
import { startLanguage } from './text/start.ts'

await startLanguage()
const { showDashboard } = await import('./dashboard.tsx')
showDashboard(document.getElementById('root') as HTMLElement)
