#pragma once
// What placement weighs against each other, all in euros an hour.

namespace barrio::decide {

struct Weights {
  /// For an app's users to be one millisecond nearer, on average, whatever their number: a tenth of what the energy of
  /// a 1 kW replica costs, so that a small app still follows its users and a large one is not sent across the country.
  double app_ms = 0.02;
  /// The same for each request a second, where the demand is known: at 10 a second both are alike.
  double request_ms = 0.002;
  /// Of what its share of the requests would cost from where a replica stands, where there are several: enough that the
  /// ones that the nearest needs beside it are near, too, and not enough to draw replicas away from other places.
  double share = 0.1;
  /// Electricity for businesses in Spain, taxes included, about (Eurostat nrg_pc_205, 2024).
  double kilowatt_hour = 0.15;
  /// A move copies the model and warms it up: it must save so much an hour, and for each GiB of the replica, to pay.
  double move = 0.01;
  double move_gib = 0.0005;
  /// An accelerator in slices that is begun and not full cannot be given to those who need all of it: a tenth of the
  /// price by the hour at which such devices are lent.
  double begun_device = 0.2;
  /// Each watt of a site beyond the share that the other sites could take over if it were lost: about as much as the
  /// energy of that watt, so that reserve is kept where it costs little.
  double reserve_watt = 0.0002;
};

}  // namespace barrio::decide
