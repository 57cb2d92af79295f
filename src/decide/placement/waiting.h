#pragma once
// How long a request waits for a replica that serves others too: M/G/c.

#include "model/app.h"

namespace barrio::decide {

struct Queue {
  double arrivals = 0;   // a second
  double service_s = 0;  // mean
  double variation = 1;  // squared coefficient of variation of the service time
  int servers = 1;
};

/// The share of the servers' time that is asked for; 1 and more: the queue grows for ever.
double utilisation(const Queue& queue);
/// That an arrival has to wait: Erlang's C (Erlang 1917), by the recursion of his B.
double waits_probability(const Queue& queue);
/// Below which this per cent of waits lie. Mean: Allen and Cunneen (Allen 1990): that of M/M/c, times half of one plus
/// the variation; those who wait do so exponentially. Infinite where utilisation is 1 or more.
double wait_s(const Queue& queue, double percentile);

/// Of the service time: an exponential tail through mean and p99 (tail_at), whose squared coefficient of variation is
/// ((p99 - mean) / (mean * (ln 100 - 1)))^2.
Queue queue_of(const RequestWork& work, double requests_per_second);
Duration service_tail(const RequestWork& work, double percentile);
/// Wait and service at this percentile of a replica that gets so many requests. Percentiles are added, which is never
/// too little.
Duration time_in_site(const RequestWork& work, double requests_per_second, double percentile);

/// A replica is given no more than this share of its time: beyond, the wait grows faster than any forecast is exact.
inline constexpr double most_utilisation = 0.8;
/// So many replicas keep each of them below most_utilisation when they share the load evenly, as routing by expected
/// latency makes them.
int replicas_for(const RequestWork& work, double requests_per_second);

}  // namespace barrio::decide
