// The policies in force, for every page that shows or edits them.
import { useQuery } from '@tanstack/react-query'
import { api } from '../api.ts'

/** The active version follows what others do. */
export const useActive = () =>
  useQuery({ queryKey: ['policies', 'active'], queryFn: () => api.call('GET /policies/active'), refetchInterval: 10_000 })
