// Answers whether IAM would allow a request: a JSON object a line in, one a line out, in order.
// In:  {"simulation": ..., see Simulation of @cloud-copilot/iam-simulate}
// Out: {"result": "Allowed", "resource": "arn:...", "reason": "", "ignored": [...]}
import { createInterface } from 'node:readline'
import { getDenialReasons, isWildcardOnlyAction, runSimulation } from '@cloud-copilot/iam-simulate'

// Statements that name the action, and what keeps each from deciding the request.
function misses(analysis) {
  const found = []
  for (const kind of ['identityAnalysis', 'resourceAnalysis']) {
    for (const { statement: parsed, explain, actionMatch } of analysis[kind]?.unmatchedStatements ?? []) {
      const statement = JSON.parse(JSON.stringify(parsed))
      if (!actionMatch || statement.Effect !== 'Allow') continue
      const why = []
      if (!explain.resourceMatch) why.push(`its resource is ${JSON.stringify(statement.Resource)}`)
      if (!explain.conditionMatch) why.push(`its condition is ${JSON.stringify(statement.Condition)}`)
      if (explain.principalMatch === 'NoMatch') {
        why.push(`its principal is ${JSON.stringify(statement.Principal)}`)
      }
      if (why.length) found.push(`a statement allows the action, but ${why.join(' and ')}`)
    }
  }
  return found
}

function reasonOf(analysis) {
  const denials = getDenialReasons(analysis).map(({ policyType, denialType, policyIdentifier }) =>
    denialType === 'Explicit'
      ? `the ${policyType} policy ${policyIdentifier ?? ''} denies it`.replace('  ', ' ')
      : `no ${policyType} policy allows it`,
  )
  return [...new Set([...denials, ...misses(analysis)])].join('; ')
}

async function answer({ simulation }) {
  const { action, resource } = simulation.request
  const [service, name] = action.split(':')
  try {
    // What an action cannot be scoped to is no part of the decision.
    if (await isWildcardOnlyAction(service, name)) resource.resource = '*'
  } catch {
    // There is no such action: the simulation says so.
  }
  const ran = await runSimulation(simulation, {})
  if (ran.resultType === 'error') {
    return { result: 'Invalid', resource: resource.resource, reason: JSON.stringify(ran.errors), ignored: [] }
  }
  const results = ran.resultType === 'single' ? [ran.result] : ran.results
  const allowed = ran.overallResult === 'Allowed'
  return {
    result: ran.overallResult,
    resource: resource.resource,
    reason: allowed ? '' : [...new Set(results.map(({ analysis }) => reasonOf(analysis)))].join('; '),
    ignored: [...new Set(results.flatMap(({ ignoredContextKeys }) => ignoredContextKeys ?? []))],
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answered
  try {
    answered = await answer(JSON.parse(line))
  } catch (error) {
    answered = { result: 'Invalid', resource: '', reason: String(error), ignored: [] }
  }
  process.stdout.write(`${JSON.stringify(answered)}\n`)
}
