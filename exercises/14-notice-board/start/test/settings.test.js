import assert from 'node:assert';
import { test } from 'node:test';
import { settings } from '../src/settings.js';

test('a board has a title without being told one', () => assert.equal(settings.title, 'Notice board'));
