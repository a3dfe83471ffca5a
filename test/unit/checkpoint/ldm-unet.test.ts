import { describe, expect, it } from 'vitest';
import { ldmLayout, unetModule } from '#shared/checkpoint/single-file/ldm-unet.ts';

describe('LDM names — of a UNet with two layers in a block', () => {
  it.each([
    ['input_blocks.0.0.weight', 'conv_in.weight'],
    ['input_blocks.1.0.in_layers.2.weight', 'down_blocks.0.resnets.0.conv1.weight'],
    [
      'input_blocks.2.1.transformer_blocks.0.attn1.to_q.weight',
      'down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q.weight',
    ],
    ['input_blocks.3.0.op.bias', 'down_blocks.0.downsamplers.0.conv.bias'],
    ['input_blocks.4.0.skip_connection.weight', 'down_blocks.1.resnets.0.conv_shortcut.weight'],
    ['middle_block.0.emb_layers.1.weight', 'mid_block.resnets.0.time_emb_proj.weight'],
    ['middle_block.1.proj_in.weight', 'mid_block.attentions.0.proj_in.weight'],
    ['middle_block.2.out_layers.0.bias', 'mid_block.resnets.1.norm2.bias'],
    ['output_blocks.2.1.conv.weight', 'up_blocks.0.upsamplers.0.conv.weight'],
    ['output_blocks.5.2.conv.weight', 'up_blocks.1.upsamplers.0.conv.weight'],
    ['output_blocks.5.1.norm.weight', 'up_blocks.1.attentions.2.norm.weight'],
    ['output_blocks.3.0.out_layers.3.bias', 'up_blocks.1.resnets.0.conv2.bias'],
    ['time_embed.2.bias', 'time_embedding.linear_2.bias'],
    ['label_emb.0.0.weight', 'add_embedding.linear_1.weight'],
    ['out.0.weight', 'conv_norm_out.weight'],
    ['out.2.weight', 'conv_out.weight'],
  ])('%s', (ldm, name) => {
    expect(unetModule(ldm, 2)).toBe(name);
    const [flatLdm, flatName] = [ldm, name].map((one) => one.replace(/\.(?:weight|bias)$/, '').replaceAll('.', '_'));
    expect(unetModule(flatLdm!, 2)?.replaceAll('.', '_')).toBe(flatName);
  });

  it.each(['', 'input_blocks.x.0.op', 'input_blocks.3.1.op.weight', 'output_blocks.1.2.proj.weight', 'model.x'])(
    'nothing for %s',
    (name) => {
      expect(unetModule(name, 2)).toBeUndefined();
    },
  );

  it('the layers of a block are counted in its own names', () => {
    const layers = [
      'down_blocks.0.resnets.0.norm1.weight',
      'down_blocks.0.resnets.1.norm1.weight',
      'up_blocks.0.resnets.2.x',
    ];
    expect(ldmLayout(layers)).toEqual({ layersPerBlock: 2 });
    expect(ldmLayout([])).toEqual({ layersPerBlock: 0 });
  });
});
