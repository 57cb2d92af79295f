#include "ports/object_store.h"

namespace barrio {

BARRIO_JSON_HERE(ports::ObjectMeta)

}  // namespace barrio
