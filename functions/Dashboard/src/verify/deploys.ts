// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { subject, type LogCheck, type LoggedEntry } from './entryCheck';
import type { Findings } from './findings';
import type { AuditPolicy } from './policy';

/** Whether only images were deployed that the policy expects. */
export class DeployCheck implements LogCheck {
  private hasDeployed = false;

  constructor(
    private readonly policy: AuditPolicy | null,
    private readonly findings: Findings,
  ) {}

  take(logged: LoggedEntry): void {
    if (logged.entry.type !== 'deploy') {
      return;
    }

    this.hasDeployed = true;
    const image = subject(logged, 'image');
    if (this.policy?.images?.has(image) === false) {
      this.findings.atEntry('policy', 'image_unexpected', logged.index, `image ${image.slice(0, 16)}…`);
    }
  }

  finish(): void {
    if (this.hasDeployed && (this.policy?.images ?? null) === null) {
      this.findings.add('policy', 'not_recomputed', 'whether the deployed images are the expected ones: no policy names any');
    }
  }
}
