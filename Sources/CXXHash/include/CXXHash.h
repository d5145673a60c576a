// xxHash (XXH3).
#pragma once
#include <xxhash.h>
