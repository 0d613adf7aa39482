// Copyright (c) FedCloud contributors. Licensed under the MIT License.

return 0;
