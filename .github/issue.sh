#!/usr/bin/env bash
# Opens an issue: its title is the first line of a file, its text the rest. While one of the
# weekly runs is open, the text becomes a comment there: no new issue each week.
set -euo pipefail
text=$1

gh label create weekly --description "Found by the weekly run" --force
open=$(gh issue list --label weekly --state open --limit 1 --json number --jq '.[].number')
if [ -n "$open" ]; then
  gh issue comment "$open" --body-file "$text"
else
  gh issue create --label weekly --title "$(head -n 1 "$text")" --body-file "$text"
fi
