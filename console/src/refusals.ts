// What a gateway's or control's reasons for saying no (src/model/refusal.h) mean, as a sentence for who reads the page.

const sentences: Record<string, string> = {
  unknown_app: 'no app of this name is deployed (any more).',
  not_active: 'the site does not take work in its present status.',
  policy: 'its policy permits no site that could serve it.',
  power: 'no permitted site has the power left that a replica needs.',
  memory: 'no permitted site has the memory left that a replica needs.',
  accelerator: 'no permitted site has the accelerator that a replica needs.',
  cores: 'no permitted site has the processor cores left that a replica needs.',
  storage: 'no permitted site has the storage left that a replica needs.',
  spread: 'the racks or feeders that have room hold as many replicas as the app allows in one.',
  objective: 'no permitted site could answer within the time that the app promises, so it was told at once.',
  runtime: 'no permitted site runs apps of its kind.',
  unavailable: 'its policy permits sites that would serve it, but none of them can be reached with a replica that is ready.',
  overloaded: 'the replicas at permitted sites have all the requests that they can answer in time; more replicas or fewer requests would help.',
  enough: 'elsewhere there are as many replicas as were asked for.',
  rate_limited: 'more requests a second came than the app or its tenant may send.',
  too_many_in_flight: 'more requests were open at once than its tenant may have.',
  body_too_long: 'the request was longer than the app or its tenant may send.',
  spend_cap: 'its tenant has spent what it may this month.',
};

/** A reason that this page does not know stays as it is. */
export function refusalSentence(reason: string): string {
  return sentences[reason] ?? `${reason || 'no reason was given'}.`;
}

/** "unavailable: its policy permits ..." for each reason. */
export function refusalWords(reasons: readonly string[]): string {
  return reasons.map((reason) => (reason in sentences ? `${reason.replaceAll('_', ' ')}: ${sentences[reason]}` : refusalSentence(reason))).join(' Also ');
}
