/**
 * Whether a model predicts noise or v, where the file or one beside it says so: no shape does. Trainers write it into the header
 * (modelspec) or as a tensor's name, A1111 reads a YAML of the model's name.
 */
import { readTextFile } from '../json-file.ts';
import type { SafetensorsFile } from '../safetensors.ts';
import type { PredictionType } from './families.ts';

/** `parameterization: "v"` in the configuration of LDM. */
const YAML_V = /^\s*parameterization:\s*["']?v["']?\s*$/m;
/** A configuration of LDM has some hundred lines. */
const YAML_FOR_LDM = /\btarget:/;

/** What is said of a file; undefined where nothing is. */
export async function predictionOf({ path, tensors, metadata }: SafetensorsFile): Promise<PredictionType | undefined> {
  const named = metadata['modelspec.prediction_type'] ?? metadata['modelspec.predict_key'];
  if (named === 'v') return 'v_prediction';
  if (named === 'epsilon') return 'epsilon';
  if (tensors.has('v_pred')) return 'v_prediction';
  const yaml = await readTextFile(path.replace(/\.safetensors$/, '.yaml')).catch(() => '');
  if (!YAML_FOR_LDM.test(yaml)) return undefined;
  return YAML_V.test(yaml) ? 'v_prediction' : 'epsilon';
}
