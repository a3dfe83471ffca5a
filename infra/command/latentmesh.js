#!/usr/bin/env node
import '../../services/cli/bin.js';
