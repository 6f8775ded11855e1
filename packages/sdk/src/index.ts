// @countersign/sdk: what an agent author, a webhook receiver and the dashboard import. It depends on nothing and on no runtime.

export {
  type CatalogueEntry,
  CLIENT_PROBLEMS,
  type ClientCode,
  isProblemCode,
  PROBLEMS,
  type ProblemCode,
  type Retry,
} from './catalogue.ts'
export { type FieldError, Problem, type ProblemBody, type ProblemMembers } from './problem.ts'
