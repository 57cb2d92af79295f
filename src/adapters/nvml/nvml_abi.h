#pragma once
// Our view of NVML's C ABI (NVIDIA Management Library, libnvidia-ml.so.1): the few functions that are called, by name,
// with the layouts of their arguments as NVIDIA documents them (NVML API Reference Guide). Declared here so that the
// build needs no NVML; functions that an older driver lacks are null. Sizes and offsets are those of CUDA 13.0's
// nvml.h, compiled beside this file (GpmMetrics is longer: there is room for what later libraries know).

#include <cstdint>

namespace barrio::adapters::nvml {

struct DeviceHandle;
struct EventSet;
struct GpmSampleData;
using Device = DeviceHandle*;
using GpmSample = GpmSampleData*;

/// nvmlReturn_t; the others are told in the library's own words.
constexpr int success = 0;
constexpr int driver_not_loaded = 9;

struct Memory {  // nvmlMemory_t
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct Utilization {  // nvmlUtilization_t, per cent
  unsigned gpu;
  unsigned memory;
};

struct EventData {  // nvmlEventData_t, version 2
  Device device;
  unsigned long long type;
  unsigned long long data;  // of a critical error: the Xid
  unsigned gpu_instance;
  unsigned compute_instance;
};
constexpr unsigned long long event_xid = 8;

struct GpmSupport {  // nvmlGpmSupport_t
  unsigned version;
  unsigned supported;
};

struct GpmMetric {  // nvmlGpmMetric_t
  unsigned id;
  int status;
  double value;
  const char* texts[3];
};

/// nvmlGpmMetricsGet_t: the library's has room for all metrics that it knows, and reads `count` of them.
struct GpmMetrics {
  unsigned version;
  unsigned count;
  GpmSample from;
  GpmSample until;
  GpmMetric metrics[512];
};
constexpr unsigned gpm_version = 1;
constexpr unsigned gpm_sm_busy = 2;  // NVML_GPM_METRIC_SM_UTIL, per cent

/// nvmlClocksEventReasons (before: ThrottleReasons) that slow a device down against its user's wish.
constexpr unsigned long long slow_power_cap = 0x4;
constexpr unsigned long long slow_hardware = 0x8;
constexpr unsigned long long slow_heat = 0x20;
constexpr unsigned long long slow_heat_hardware = 0x40;
constexpr unsigned long long slow_power_brake = 0x80;

constexpr unsigned sensor_gpu = 0;
constexpr unsigned text_length = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE; a UUID is no longer

struct Api {
  int (*init)();
  int (*shutdown)();
  const char* (*error_text)(int);
  int (*count)(unsigned*);
  int (*device)(unsigned index, Device*);
  int (*uuid)(Device, char*, unsigned length);
  int (*name)(Device, char*, unsigned length);
  int (*memory)(Device, Memory*);
  // May be null, or answer that the device cannot tell.
  int (*power)(Device, unsigned* mw);
  int (*power_cap)(Device, unsigned* mw);
  int (*energy)(Device, unsigned long long* mj);
  int (*temperature)(Device, unsigned sensor, unsigned* celsius);
  int (*utilization)(Device, Utilization*);
  int (*slow_reasons)(Device, unsigned long long*);
  int (*mig_mode)(Device, unsigned* current, unsigned* pending);
  int (*mig_count)(Device, unsigned* most);
  int (*mig_device)(Device, unsigned index, Device*);
  int (*gpu_instance)(Device mig, unsigned* id);
  int (*make_events)(EventSet**);
  int (*watch_events)(Device, unsigned long long types, EventSet*);
  int (*next_event)(EventSet*, EventData*, unsigned timeout_ms);
  int (*free_events)(EventSet*);
  int (*gpm_support)(Device, GpmSupport*);
  int (*gpm_make)(GpmSample*);
  int (*gpm_free)(GpmSample);
  int (*gpm_take)(Device, GpmSample);
  int (*gpm_take_slice)(Device parent, unsigned gpu_instance, GpmSample);
  int (*gpm_metrics)(GpmMetrics*);
};

}  // namespace barrio::adapters::nvml
