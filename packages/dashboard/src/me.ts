// Who is signed in, and how one comes and goes. The cookie is the session; this file never holds a token.
import { Problem, type RouteBody } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from './api.ts'

export type Me = Awaited<ReturnType<typeof api.me.get>>

/** The signed-in user; null when nobody is. */
export const useMe = () =>
  useQuery({
    queryKey: ['me'],
    queryFn: () =>
      api.me.get().catch((error: unknown) => {
        if (error instanceof Problem && error.status === 401) return null
        throw error
      }),
  })

export const useSetup = (enabled: boolean) => useQuery({ queryKey: ['setup'], queryFn: () => api.setup.status(), enabled })

export function useSetupOperator() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (form: RouteBody<'POST /setup/operator'>) => api.setup.operator(form),
    onSuccess: () => queries.resetQueries(),
  })
}

export function useSignIn() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (form: { login: string; password: string }) => api.auth.login(form),
    onSuccess: () => queries.resetQueries(),
  })
}

export function useSignOut() {
  const queries = useQueryClient()
  return useMutation({ mutationFn: () => api.auth.logout(), onSettled: () => queries.resetQueries() })
}
